//! The SFTP wire: file operations inside an SSH subsystem.
