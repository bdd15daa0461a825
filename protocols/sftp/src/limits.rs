//! The limits that are this wire's own. Units stand last in each name.

pub(crate) use wiretape_core::limits::SFTP_PACKET_BYTES_MAX as PACKET_BYTES_MAX;
