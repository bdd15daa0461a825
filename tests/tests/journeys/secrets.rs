//! Where targets' secrets come from, and where they never get to.

mod aws;
mod memory;
mod plant;
mod tokens;
mod vault;
