//! Who somebody is: tokens of OIDC issuers, certificates of the gateway's own, and how both are had.
//!
//! ```text
//!   a token ────────► Issuers::validate ─────┐
//!   a certificate ──► UserAuthority::recognise ├─► Identity ─► standing, Revocations ─► a principal of the gateway
//!   no token ───────► Issuers::device ───────┘
//! ```
//!
//! **What is absent here, on purpose:** sessions and targets, policy, the users of the configuration (a caller brings
//! their names), and the wall clock (a caller brings the time, and only `clock.rs` asks one for what the commands and
//! the age of caches need). Nothing that is told to others, logged or shown holds a token.
//!
//! `docs/IDENTITY.md` says for people what is checked, and in which order.

mod attempts;
mod authority;
mod bearer;
mod browser;
mod claims;
mod clock;
pub mod command;
mod device;
mod discovery;
mod grant;
mod identity;
mod issuer;
mod issuers;
mod keys;
pub mod limits;
mod offer;
mod rejected;
mod revocations;
mod settings;
mod standing;
mod token;
mod web;
mod workload;

pub use attempts::{Attempts, Held, HeldOff};
pub use authority::{IDENTITY_EXTENSION, UserAuthority};
pub use device::{DeviceFlow, Pending};
pub use identity::Identity;
pub use issuers::Issuers;
pub use keys::KeySet;
pub use offer::{CertificateGrant, CertificateRequest, IssuerOffer, LoginOffer};
pub use rejected::Rejected;
pub use revocations::{Revocations, Revoked};
pub use settings::{ALGORITHMS, ClientSecret, IssuerSettings, LoginToken, Sign};
pub use standing::{LocalUser, standing};
pub use token::{Token, Verified};
