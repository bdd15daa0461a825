//! Signatures of AWS, version 4: a request as it stands is signed with keys that its sender does not have.
//!
//! Source: "Authenticating Requests (AWS Signature Version 4)" of Amazon S3's API reference, and "Signature Version 4
//! signing process" of the AWS General Reference. Where the two differ, the service's name decides.
//!
//! The client may have signed the request with keys of its own, in `Authorization` or in the query (a presigned URL):
//! both are taken off, and so is everything that belongs to them.

mod canonical;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::credential::AwsKeys;
use crate::failure::Failure;
use canonical::{Path, hex};

/// The algorithm's name.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The payload hash that leaves the payload unsigned.
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// The same for a payload with a checksum in its trailer, in chunks that have no signatures.
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// Fields that are signed where the request has them, beside all that begin with `x-amz-`. What others may change on the
/// way, or the connection is about, is left out.
const SIGNED_FIELDS: [&str; 5] = ["content-md5", "content-type", "date", "host", "range"];

/// Fields of the client's own signature.
const OWN_FIELDS: [&str; 3] = ["authorization", "x-amz-date", "x-amz-security-token"];

/// Parameters of the client's own signature in a presigned URL, in lower case.
const OWN_PARAMETERS: [&str; 7] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// A request that is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// Host and port, as the field `Host` or `:authority` will have them.
    pub host: &'a str,
    /// Path and query as they will stand on the wire; `/` at least.
    pub target: &'a str,
    /// The fields, without `Host`.
    pub fields: &'a [(&'a str, &'a str)],
    /// What is known of the content.
    pub payload: &'a Payload,
}

/// What a signature says of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// There is none.
    Empty,
    /// Its SHA-256, in hexadecimal digits.
    Hash(String),
    /// It is not signed: TLS alone guards it. Amazon S3 takes that, others do not.
    Unsigned,
    /// The same, in chunks with a trailer.
    UnsignedChunks,
}

/// What has to be known of the content before a request can be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Nothing more: this is what the signature says of it.
    Met(Payload),
    /// All of it: its SHA-256 is to be computed ([`hash`]) before the head is sent.
    Content,
}

/// What becomes of a request.
pub struct Signed {
    /// Path and query, without what belonged to the client's signature.
    pub target: String,
    /// Names of fields that go, in lower case; those of `set` among them.
    pub remove: Vec<&'static str>,
    /// Fields that come, by their names in lower case.
    pub set: Vec<(&'static str, SecretString)>,
}

/// The differences between services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rules {
    /// The path is encoded once and not straightened.
    path_as_is: bool,
    /// `x-amz-content-sha256` is required.
    states_payload: bool,
}

impl Rules {
    fn of(service: &str) -> Self {
        let storage = ["s3", "s3express", "s3-object-lambda", "s3-outposts"].contains(&service);
        Self { path_as_is: storage, states_payload: storage }
    }
}

/// What is to be known of the content of a request to `service`.
///
/// `stated` is the client's own `x-amz-content-sha256`, `secure` whether the way to the service is TLS, `empty` whether
/// the request has no content.
///
/// # Errors
/// When the client signed each chunk of the content, which cannot be done again without changing the content.
pub fn demand(service: &str, secure: bool, empty: bool, stated: Option<&str>) -> Result<Demand, Failure> {
    let storage = Rules::of(service).states_payload;
    let unsigned_storage = storage && secure;
    match stated {
        _ if empty => Ok(Demand::Met(Payload::Empty)),
        // The service compares it with what comes: a client that states another one harms itself.
        Some(hash) if is_hash(hash) => Ok(Demand::Met(Payload::Hash(hash.to_ascii_lowercase()))),
        Some(UNSIGNED_TRAILER) if unsigned_storage => Ok(Demand::Met(Payload::UnsignedChunks)),
        Some(UNSIGNED) | None if unsigned_storage => Ok(Demand::Met(Payload::Unsigned)),
        Some(text) if text.starts_with("STREAMING-") => Err(Failure::new(
            "the client signs its content chunk by chunk, which the gateway cannot do in its place: let it send the \
             content whole or unsigned (payload_signing_enabled = false, checksums when required)",
        )),
        _ => Ok(Demand::Content),
    }
}

/// The SHA-256 of `content`, as it comes piece by piece.
pub fn hash<'a>(content: impl IntoIterator<Item = &'a [u8]>) -> Payload {
    let digest = content.into_iter().fold(Sha256::new(), |digest, piece| digest.chain_update(piece));
    Payload::Hash(hex(&digest.finalize()))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Signs `request` with `keys` at `unix_seconds`.
///
/// # Errors
/// When the time cannot be written.
pub fn sign(request: &Request<'_>, keys: &AwsKeys, unix_seconds: u64) -> Result<Signed, Failure> {
    let rules = Rules::of(&keys.service);
    let time = Time::of(unix_seconds)?;
    let target = canonical::without(request.target, &OWN_PARAMETERS);
    let payload = request.payload.text();
    let states_payload = rules.states_payload || has(request.fields, "x-amz-content-sha256");
    let mut set = vec![("x-amz-date", SecretString::from(time.long.as_str()))];
    if let Some(token) = &keys.session_token {
        set.push(("x-amz-security-token", token.clone()));
    }
    let mut remove = OWN_FIELDS.to_vec();
    if states_payload {
        set.push(("x-amz-content-sha256", SecretString::from(payload.as_str())));
        remove.push("x-amz-content-sha256");
    }
    let kept = request.fields.iter().filter(|(name, _)| !remove.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
    let signed = kept
        .filter(|(name, _)| is_signed(name))
        .copied()
        .chain(set.iter().map(|(name, value)| (*name, value.expose_secret())))
        .chain([("host", request.host)]);
    let authorization = authorize(request.method, &target, signed.collect(), &payload, keys, &time, rules);
    set.push(("authorization", authorization));
    Ok(Signed { target, remove, set })
}

fn has(fields: &[(&str, &str)], name: &str) -> bool {
    fields.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
}

fn is_signed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name != "host" && (name.starts_with("x-amz-") || SIGNED_FIELDS.contains(&name.as_str()))
}

/// The field `Authorization` of a request with the fields `signed`.
fn authorize(
    method: &str,
    target: &str,
    signed: Vec<(&str, &str)>,
    payload: &str,
    keys: &AwsKeys,
    time: &Time,
    rules: Rules,
) -> SecretString {
    let path = if rules.path_as_is { Path::AsIs } else { Path::Straightened };
    let (canonical, names) = canonical::request(method, target, signed, payload, path);
    let scope = format!("{}/{}/{}/aws4_request", time.day, keys.region, keys.service);
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("{ALGORITHM}\n{}\n{scope}\n{digest}", time.long);
    let start = Zeroizing::new(format!("AWS4{}", keys.secret_access_key.expose_secret()));
    let mut key = Zeroizing::new(start.as_bytes().to_vec());
    for word in [time.day.as_str(), &keys.region, &keys.service, "aws4_request"] {
        key = mac(&key, word);
    }
    let signature = hex(&mac(&key, &to_sign));
    let id = &keys.access_key_id;
    SecretString::from(format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"))
}

/// HMAC-SHA256 (RFC 2104) takes keys of every length.
fn mac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Zeroizing::default() };
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

impl Payload {
    fn text(&self) -> String {
        match self {
            Self::Empty => hex(&Sha256::digest([])),
            Self::Hash(hash) => hash.clone(),
            Self::Unsigned => UNSIGNED.to_owned(),
            Self::UnsignedChunks => UNSIGNED_TRAILER.to_owned(),
        }
    }
}

/// A time as signatures have it.
struct Time {
    /// `20150830`.
    day: String,
    /// `20150830T123600Z`.
    long: String,
}

impl Time {
    fn of(unix_seconds: u64) -> Result<Self, Failure> {
        let time = i64::try_from(unix_seconds).ok().and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
        let time = time.ok_or_else(|| Failure::new("this machine's clock shows a year that no signature has"))?;
        let day = format!("{:04}{:02}{:02}", time.year(), u8::from(time.month()), time.day());
        let long = format!("{day}T{:02}{:02}{:02}Z", time.hour(), time.minute(), time.second());
        Ok(Self { day, long })
    }
}

#[cfg(test)]
mod tests;
