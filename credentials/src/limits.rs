//! The limits of what others can make grow or last. Units stand last in each name.

use std::time::Duration;

/// The largest secret that is read from a file, a program or a service.
pub(crate) const SECRET_BYTES_MAX: usize = 64 * 1024;

/// The largest answer of a service.
pub(crate) const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// How long a credential program may take.
pub(crate) const COMMAND_TIME_MAX: Duration = Duration::from_secs(20);

/// How long a service may take for one answer, from the first packet to the last.
pub(crate) const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a connection with a service may take.
pub(crate) const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// Secrets that are kept at once.
pub(crate) const KEPT_MAX: usize = 4096;

/// How long a failure is remembered, so that a crowd of clients is no crowd before the service.
pub(crate) const FAILURE_TIME: Duration = Duration::from_secs(2);

/// How long a secret of Vault is kept, unless a setting says otherwise.
pub(crate) const VAULT_CACHE_TIME: Duration = Duration::from_secs(300);

/// A token is fetched anew so long before it ends, or earlier when it lives shortly.
pub(crate) const MARGIN_TIME_MAX: Duration = Duration::from_secs(300);

/// The longest time for which a token is kept, whatever its service says.
pub(crate) const TOKEN_TIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// A login at Vault is not made anew because of a refusal when it is younger than this.
pub(crate) const LOGIN_AGE_MIN: Duration = Duration::from_secs(10);
