//! The targets' own secrets: where they are kept, how they are fetched, and for how long.
//!
//! A [`Source`] says where a secret is: in a file, in the environment, behind a program, in Vault, or at a token service
//! that gives one for a key (Google, GitHub, AWS's signatures). A [`Keeper`] fetches it when it is needed, once for all
//! who wait for it, keeps it until shortly before it expires, and wipes it.
//!
//! **What is absent here, on purpose:** anything that prints. No type shows a secret by `Debug`, and no [`Failure`] holds
//! a part of a secret or of what a service answered: it says which service, which status, and what to do. There are no
//! targets and no wires here either: [`sigv4`] signs a request as it is given, and who sends it is somebody else.

mod answer;
mod clock;
mod credential;
mod dumps;
mod environment;
mod failure;
mod gcp;
mod github;
mod keeper;
mod limits;
mod local;
pub mod sigv4;
mod source;
mod vault;

pub use clock::{Clock, Now};
pub use credential::{AwsKeys, Credential, Lease};
pub use dumps::forbid_dumps;
pub use environment::CHILD_VARIABLES;
pub use failure::Failure;
pub use keeper::{Keeper, Settings};
pub use local::Command;
pub use source::{AppId, Aws, Gcp, GithubApp, Gives, Source, VaultSecret};
pub use vault::VaultSettings;
