//! The functions that clients call by their number (`FunctionCall`): libpq does so for large objects
//! (`src/include/catalog/pg_proc.dat`).

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its object identifier.
    pub id: u32,
    /// Its name.
    pub name: &'static str,
    /// The types of its arguments.
    pub arguments: &'static [u32],
    /// The type of what it returns.
    pub returns: u32,
}

const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT4: u32 = 23;
const OID: u32 = 26;

const fn known(id: u32, name: &'static str, arguments: &'static [u32], returns: u32) -> Function {
    Function { id, name, arguments, returns }
}

static FUNCTIONS: [Function; 14] = [
    known(715, "lo_create", &[OID], OID),
    known(952, "lo_open", &[OID, INT4], INT4),
    known(953, "lo_close", &[INT4], INT4),
    known(954, "loread", &[INT4, INT4], BYTEA),
    known(955, "lowrite", &[INT4, BYTEA], INT4),
    known(956, "lo_lseek", &[INT4, INT4, INT4], INT4),
    known(957, "lo_creat", &[INT4], OID),
    known(958, "lo_tell", &[INT4], INT4),
    known(964, "lo_unlink", &[OID], INT4),
    known(1004, "lo_truncate", &[INT4, INT4], INT4),
    known(3170, "lo_lseek64", &[INT4, INT8, INT4], INT8),
    known(3171, "lo_tell64", &[INT4], INT8),
    known(3172, "lo_truncate64", &[INT4, INT8], INT4),
    known(3458, "lo_get", &[OID], BYTEA),
];

/// The function that every server has under `id`, if it is one of those that are called so.
#[must_use]
pub fn function(id: u32) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.id == id)
}
