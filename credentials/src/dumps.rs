//! That this process leaves no image of its memory behind.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Lets this process write no core dump, not even to a program that collects them, and lets no other process of the
/// same user look into its memory or its environment. Programs that it starts get the limit (which they may lift), not
/// the rest. Elsewhere than on Linux there is only the limit.
///
/// # Errors
/// The kernel's, when it does not let it.
pub fn forbid_dumps() -> std::io::Result<()> {
    let limit = getrlimit(Resource::Core);
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: limit.maximum })?;
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
