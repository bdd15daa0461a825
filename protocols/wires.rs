//! The table of wires: a new protocol is one new folder and one row.
