//! Against requests whose signatures AWS has published.

use secrecy::{ExposeSecret, SecretString};

use super::{Demand, Payload, Request, Rules, Time, authorize, demand, hash, sign};
use crate::credential::AwsKeys;

/// 2015-08-30T12:36:00Z, the time of the published suite.
const SUITE_TIME: u64 = 1_440_938_160;

fn keys(id: &str, secret: &str, service: &str) -> AwsKeys {
    AwsKeys {
        access_key_id: id.to_owned(),
        secret_access_key: SecretString::from(secret),
        session_token: None,
        region: "us-east-1".to_owned(),
        service: service.to_owned(),
    }
}

/// The signature that the suite's keys give, with exactly these fields beside host and date.
fn suite(method: &str, target: &str, fields: &[(&str, &str)], content: &[u8]) -> String {
    let keys = keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "service");
    let time = Time::of(SUITE_TIME).unwrap();
    let own = [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")];
    let signed = own.iter().chain(fields).copied().collect();
    let payload = hash([content]).text();
    let text = authorize(method, target, signed, &payload, &keys, &time, Rules::of("service"));
    text.expose_secret().rsplit_once("Signature=").unwrap().1.to_owned()
}

#[test]
fn the_published_suite_is_signed_as_published() {
    let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    let cases: [(&str, String, &str); 14] = [
        ("GET", "/".to_owned(), vanilla),
        ("GET", "//".to_owned(), vanilla),
        ("GET", "/./".to_owned(), vanilla),
        ("GET", "/example/..".to_owned(), vanilla),
        ("GET", "/example1/example2/../..".to_owned(), vanilla),
        (
            "GET",
            "/?Param2=value2&Param1=value1".to_owned(),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param1=value2&Param1=Value1".to_owned(),
            "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
        ),
        (
            "GET",
            "/?Param1=value2&Param1=value1".to_owned(),
            "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
        ),
        ("GET", "/?Param1=value1".to_owned(), "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("GET", format!("/{unreserved}"), "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        (
            "GET",
            format!("/?{unreserved}={unreserved}"),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        ("GET", "/?ሴ=bar".to_owned(), "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("GET", "/ሴ".to_owned(), "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("POST", "/".to_owned(), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ];
    for (method, target, signature) in cases {
        assert_eq!(suite(method, &target, &[], b""), signature, "{method} {target}");
    }
    assert_eq!(
        suite("GET", "/example space/", &[], b""),
        "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"
    );
    assert_eq!(
        suite("POST", "/", &[("My-Header1", "VALUE1")], b""),
        "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"
    );
    assert_eq!(
        suite("POST", "/", &[("Content-Type", "application/x-www-form-urlencoded")], b"Param1=value1"),
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    );
}

/// Method, target, fields, content, and what is signed with which signature.
type Example<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8], &'a str, &'a str);

/// The examples of Amazon S3's own documentation: 2013-05-24T00:00:00Z.
#[test]
fn the_examples_of_s3_are_signed_as_documented() {
    let keys = keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3");
    let put: &[(&str, &str)] =
        &[("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")];
    let cases: [Example<'_>; 4] = [
        (
            "GET",
            "/test.txt",
            &[("Range", "bytes=0-9")],
            b"",
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            "/test$file.text",
            put,
            b"Welcome to Amazon S3.",
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            "/?lifecycle",
            &[],
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            "/?max-keys=2&prefix=J",
            &[],
            b"",
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for (method, target, fields, content, names, signature) in cases {
        let payload = hash([content]);
        let request = Request { method, host: "examplebucket.s3.amazonaws.com", target, fields, payload: &payload };
        let signed = sign(&request, &keys, 1_369_353_600).unwrap();
        let authorization = signed.set.iter().find(|(name, _)| *name == "authorization").unwrap().1.expose_secret();
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={names}, Signature={signature}"
        );
        assert_eq!(authorization, expected, "{method} {target}");
        assert_eq!(signed.target, target);
    }
}

fn signed_of(target: &str, fields: &[(&str, &str)], keys: &AwsKeys) -> (String, Vec<(&'static str, String)>) {
    let request = Request { method: "GET", host: "h", target, fields, payload: &Payload::Empty };
    let signed = sign(&request, keys, SUITE_TIME).unwrap();
    let set = signed.set.iter().map(|(name, value)| (*name, value.expose_secret().to_owned())).collect();
    (signed.target, set)
}

#[test]
fn the_clients_own_signature_leaves_no_trace() {
    let keys = AwsKeys { session_token: Some(SecretString::from("lent")), ..keys("A", "s", "s3") };
    let fields = [
        ("Authorization", "AWS4-HMAC-SHA256 Credential=own"),
        ("X-Amz-Date", "20000101T000000Z"),
        ("X-Amz-Security-Token", "own"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-acl", "private"),
        ("user-agent", "some"),
    ];
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=own%2F2&X-Amz-Date=1&X-Amz-Expires=9\
                 &X-Amz-SignedHeaders=host&x%2Damz-signature=own&X-Amz-Security-Token=own";
    let bare = signed_of("/b/k?versionId=1", &[("x-amz-acl", "private")], &keys);
    for target in [format!("/b/k?{query}&versionId=1"), format!("/b/k?versionId=1&{query}")] {
        let (target, set) = signed_of(&target, &fields, &keys);
        assert_eq!((target.as_str(), &set), ("/b/k?versionId=1", &bare.1));
    }
    assert_eq!(signed_of(&format!("/b/k?{query}"), &[], &keys).0, "/b/k");
    assert!(bare.1.contains(&("x-amz-security-token", "lent".to_owned())));
    let authorization = &bare.1.iter().find(|(name, _)| *name == "authorization").unwrap().1;
    assert!(authorization.contains("host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
}

#[test]
fn only_what_the_service_takes_goes_unsigned() {
    let hex = "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    let met = |payload| Ok(Demand::Met(payload));
    let chunks = Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    assert_eq!(demand("s3", true, false, None), met(Payload::Unsigned));
    assert_eq!(demand("s3", true, false, Some("UNSIGNED-PAYLOAD")), met(Payload::Unsigned));
    assert_eq!(demand("s3", true, false, chunks), met(Payload::UnsignedChunks));
    assert_eq!(demand("s3", true, true, chunks), met(Payload::Empty));
    assert_eq!(demand("s3", false, false, None), Ok(Demand::Content));
    assert_eq!(demand("s3", false, false, Some("UNSIGNED-PAYLOAD")), Ok(Demand::Content));
    assert_eq!(demand("dynamodb", true, false, None), Ok(Demand::Content));
    assert_eq!(demand("dynamodb", true, false, Some(hex)), met(Payload::Hash(hex.to_ascii_lowercase())));
    for service in ["s3", "dynamodb"] {
        assert!(demand(service, true, false, Some("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")).is_err());
    }
    assert!(demand("s3", false, false, chunks).is_err());
}

#[test]
fn hostile_requests_are_signed_or_not_but_never_panic() {
    let keys = keys("A", "", "service");
    for target in ["", "?", "/%", "/%4", "/%zz?%=%&&=&+", "/../../..", "/%ff%00", "*", "/?=&=", "http://h/p"] {
        for service in ["s3", "service"] {
            let keys = AwsKeys { service: service.to_owned(), ..signed_keys(&keys) };
            let _ = signed_of(target, &[("", ""), ("x-amz-\u{e9}", "\n\r\t")], &keys);
        }
    }
    assert!(Time::of(u64::MAX).is_err());
    assert_eq!(format!("{keys:?}"), "AwsKeys", "nothing of the keys is shown");
}

fn signed_keys(keys: &AwsKeys) -> AwsKeys {
    AwsKeys {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.clone(),
        session_token: None,
        region: keys.region.clone(),
        service: String::new(),
    }
}
