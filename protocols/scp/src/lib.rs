//! The scp wire: whole files inside an SSH command.
