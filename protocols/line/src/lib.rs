//! The line wire: text lines over bytes, the template of a byte wire.
