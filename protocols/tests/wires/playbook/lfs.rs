//! What carries the exchanges of Git LFS that cases are of.

use bytes::Bytes;
use wiretape_core::Carrier;
use wiretape_core::nest::Content;

/// `batch`, by a client that calls the target otherwise than it does itself; `PUT …` and `GET …` of an object.
pub(super) fn carrier(what: &str) -> Carrier {
    let (method, path, media_type) = match what.split_once(' ') {
        Some((method, name)) => (method, format!("/a.git/info/lfs/objects/{name}"), "application/octet-stream"),
        None => ("POST", format!("/a.git/info/lfs/objects/{what}"), "application/vnd.git-lfs+json"),
    };
    Carrier::Content(Box::new(Content {
        method: Bytes::copy_from_slice(method.as_bytes()),
        path: path.into(),
        media_type: media_type.into(),
        renamed: Some(("https://git.internal".into(), "https://gateway:8443/forge".into())),
    }))
}
