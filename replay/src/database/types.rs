//! The types that every PostgreSQL server has, by their object identifiers (`src/include/catalog/pg_type.dat`).

/// One type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Type {
    /// Its object identifier.
    pub id: u32,
    /// The object identifier of arrays of it; 0 when there are none.
    pub array_id: u32,
    /// Its name, as SQL takes it.
    pub name: &'static str,
}

/// What an object identifier names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// This type.
    Plain(&'static Type),
    /// Arrays of this type.
    Array(&'static Type),
}

const fn known(id: u32, array_id: u32, name: &'static str) -> Type {
    Type { id, array_id, name }
}

/// The object identifiers that other code asks for by name.
pub mod id {
    #![allow(missing_docs, reason = "each is the type that it is called")]

    pub const BOOL: u32 = 16;
    pub const BYTEA: u32 = 17;
    pub const CHAR: u32 = 18;
    pub const INT8: u32 = 20;
    pub const INT2: u32 = 21;
    pub const INT4: u32 = 23;
    pub const TEXT: u32 = 25;
    pub const OID: u32 = 26;
    pub const XID: u32 = 28;
    pub const CID: u32 = 29;
    pub const FLOAT4: u32 = 700;
    pub const FLOAT8: u32 = 701;
    pub const UNKNOWN: u32 = 705;
    pub const MONEY: u32 = 790;
    pub const NUMERIC: u32 = 1700;
    pub const XID8: u32 = 5069;
}

static TYPES: [Type; 69] = [
    known(id::BOOL, 1000, "bool"),
    known(id::BYTEA, 1001, "bytea"),
    known(id::CHAR, 1002, "\"char\""),
    known(19, 1003, "name"),
    known(id::INT8, 1016, "int8"),
    known(id::INT2, 1005, "int2"),
    known(22, 1006, "int2vector"),
    known(id::INT4, 1007, "int4"),
    known(24, 1008, "regproc"),
    known(id::TEXT, 1009, "text"),
    known(id::OID, 1028, "oid"),
    known(27, 1010, "tid"),
    known(id::XID, 1011, "xid"),
    known(id::CID, 1012, "cid"),
    known(30, 1013, "oidvector"),
    known(114, 199, "json"),
    known(142, 143, "xml"),
    known(600, 1017, "point"),
    known(601, 1018, "lseg"),
    known(602, 1019, "path"),
    known(603, 1020, "box"),
    known(604, 1027, "polygon"),
    known(628, 629, "line"),
    known(650, 651, "cidr"),
    known(id::FLOAT4, 1021, "float4"),
    known(id::FLOAT8, 1022, "float8"),
    known(id::UNKNOWN, 0, "unknown"),
    known(718, 719, "circle"),
    known(774, 775, "macaddr8"),
    known(id::MONEY, 791, "money"),
    known(829, 1040, "macaddr"),
    known(869, 1041, "inet"),
    known(1033, 1034, "aclitem"),
    known(1042, 1014, "bpchar"),
    known(1043, 1015, "varchar"),
    known(1082, 1182, "date"),
    known(1083, 1183, "time"),
    known(1114, 1115, "timestamp"),
    known(1184, 1185, "timestamptz"),
    known(1186, 1187, "interval"),
    known(1266, 1270, "timetz"),
    known(1560, 1561, "bit"),
    known(1562, 1563, "varbit"),
    known(id::NUMERIC, 1231, "numeric"),
    known(1790, 2201, "refcursor"),
    known(2202, 2207, "regprocedure"),
    known(2203, 2208, "regoper"),
    known(2204, 2209, "regoperator"),
    known(2205, 2210, "regclass"),
    known(2206, 2211, "regtype"),
    known(2249, 2287, "record"),
    known(2275, 1263, "cstring"),
    known(2278, 0, "void"),
    known(2950, 2951, "uuid"),
    known(2970, 2949, "txid_snapshot"),
    known(3220, 3221, "pg_lsn"),
    known(3614, 3643, "tsvector"),
    known(3615, 3645, "tsquery"),
    known(3734, 3735, "regconfig"),
    known(3802, 3807, "jsonb"),
    known(3904, 3905, "int4range"),
    known(3906, 3907, "numrange"),
    known(3908, 3909, "tsrange"),
    known(3910, 3911, "tstzrange"),
    known(3912, 3913, "daterange"),
    known(3926, 3927, "int8range"),
    known(4072, 4073, "jsonpath"),
    known(4089, 4090, "regnamespace"),
    known(id::XID8, 271, "xid8"),
];

/// What `id` names, when every server has it.
#[must_use]
pub fn named(id: u32) -> Option<Named> {
    if id == 0 {
        return None;
    }
    TYPES.iter().find_map(|known| match id {
        _ if known.id == id => Some(Named::Plain(known)),
        _ if known.array_id == id => Some(Named::Array(known)),
        _ => None,
    })
}

/// The name of the type as SQL takes it: `int4`, `text[]`.
#[must_use]
pub fn name(id: u32) -> Option<String> {
    named(id).map(|named| match named {
        Named::Plain(known) => known.name.to_owned(),
        Named::Array(known) => format!("{}[]", known.name),
    })
}

/// Whether psql sets values of the type on the right of their column.
#[must_use]
pub fn is_number(type_id: u32) -> bool {
    matches!(
        type_id,
        id::INT2
            | id::INT4
            | id::INT8
            | id::FLOAT4
            | id::FLOAT8
            | id::NUMERIC
            | id::OID
            | id::XID
            | id::XID8
            | id::CID
            | id::MONEY
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{TYPES, name};

    #[test]
    fn every_identifier_names_one_thing() {
        let ids = TYPES.iter().flat_map(|known| [known.id, known.array_id]).filter(|id| *id != 0);
        let distinct: BTreeSet<u32> = ids.clone().collect();
        assert_eq!(distinct.len(), ids.count());
        assert_eq!(name(1007).as_deref(), Some("int4[]"));
        assert_eq!(name(18).as_deref(), Some("\"char\""));
        assert_eq!((name(0), name(99_999)), (None, None));
    }
}
