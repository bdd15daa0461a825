//! Sessions in forms that other programs take.

mod copy;
mod outcome;
mod quote;
mod rewrite;
pub mod sql;
