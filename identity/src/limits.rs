//! How much of anything there may be.

use std::time::Duration;

/// A token, as it is presented.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// The name of a token (`jti`); one with a longer name is named by its hash.
pub const TOKEN_NAME_BYTES_MAX: usize = 200;

/// What a token says of its bearer: claims that become attributes.
pub const CLAIMS_MAX: usize = 512;

/// The name of one claim, with the names of those that it stands in.
pub const CLAIM_NAME_BYTES_MAX: usize = 256;

/// Claims within claims that are looked into.
pub const CLAIM_LEVELS_MAX: usize = 3;

/// The name of a principal, and of a group.
pub const NAME_BYTES_MAX: usize = 256;

/// Actors that stand behind one another in one token (`act`, RFC 8693 section 4.1).
pub const ACTORS_MAX: usize = 8;

/// What an issuer says of itself (OpenID Connect Discovery), and the answer of its token endpoint.
pub const DOCUMENT_BYTES_MAX: usize = 128 * 1024;

/// The keys of an issuer.
pub const KEYS_BYTES_MAX: usize = 512 * 1024;

/// Keys of one issuer that are looked at.
pub const KEYS_MAX: usize = 128;

/// Keys that are tried for one token which names none, or a name that several have.
pub const KEYS_TRIED_MAX: usize = 4;

/// One request to an issuer, all of it.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Reaching an issuer.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// How long keys count as fresh, whatever the issuer says.
pub const KEYS_FRESH_MIN: Duration = Duration::from_secs(60);

/// How long keys count as fresh, whatever the issuer says.
pub const KEYS_FRESH_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long keys count as fresh when the issuer says nothing.
pub const KEYS_FRESH_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// How long keys are used that were once fetched, while the issuer does not answer.
pub const KEYS_KEPT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause between two fetches that tokens with unknown keys ask for.
pub const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(10);

/// The pause before an issuer that did not answer is asked again.
pub const RETRY_PAUSE: Duration = Duration::from_secs(15);

/// How far clocks may be apart.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

/// How long a login by device may take, whatever the issuer says.
pub const DEVICE_TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// The pause between two polls, whatever the issuer says (RFC 8628 section 3.2 says 5 seconds when it says nothing).
pub const DEVICE_PAUSE_MAX: Duration = Duration::from_secs(60);

/// Addresses and codes that an issuer wants shown to a person.
pub const DEVICE_TEXT_BYTES_MAX: usize = 2048;

/// The request by which a browser comes back.
pub const RETURN_BYTES_MAX: usize = 16 * 1024;

/// How long a login in the browser may take.
pub const BROWSER_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// What a certificate says of its bearer.
pub const CERTIFICATE_IDENTITY_BYTES_MAX: usize = 16 * 1024;

/// Names of addresses in a certificate's `source-address`.
pub const CERTIFICATE_SOURCES_MAX: usize = 64;

/// Revocations that are kept.
pub const REVOCATIONS_MAX: usize = 100_000;

/// One line of the file of revocations.
pub const REVOCATION_BYTES_MAX: usize = 4096;

/// Addresses whose wrong logins are counted at once, and as many persons.
pub const ATTEMPTS_KEPT_MAX: usize = 65_536;

/// Wrong logins that an address may have at once.
pub const ATTEMPTS_ADDRESS_MAX: u64 = 20;

/// The time after which an address may have one more.
pub const ATTEMPTS_ADDRESS_PAUSE: Duration = Duration::from_secs(6);

/// Wrong logins that a person may have at once, from all addresses together.
pub const ATTEMPTS_PERSON_MAX: u64 = 100;

/// The time after which a person may have one more.
pub const ATTEMPTS_PERSON_PAUSE: Duration = Duration::from_secs(1);

/// How long an address counts as a person's own after a login that went well.
pub const ATTEMPTS_KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
