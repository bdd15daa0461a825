//! The API of the gateway for its operators, auditors and approvers, and the commands that use it.
