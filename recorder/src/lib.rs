//! Tapes: written, read, verified; and the catalogue of sessions.
