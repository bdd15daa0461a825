//! In a program of its own, because it is about the whole process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

#[test]
fn a_process_that_forbids_dumps_cannot_be_dumped() {
    let maximum = getrlimit(Resource::Core).maximum;
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::Dumpable);
    wiretape_credentials::forbid_dumps().unwrap();
    assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    let limit = getrlimit(Resource::Core);
    assert_eq!((limit.current, limit.maximum), (Some(0), maximum));
}
