//! Pushes as real git makes them, understood, and compared with what real git says of them.

mod generated;
mod oracle;
mod repository;

mod hostile;
mod lines;
mod updates;
