use bytes::Bytes;
use wiretape_core::event::HttpVersion;

use super::{ends_here, request, response, trailers};
use crate::{Content, Field, RequestHead, ResponseHead, Route};

fn fields(fields: &[(&str, &str)]) -> Vec<Field> {
    let field = |&(name, value): &(&str, &str)| Field { name: name.to_owned().into(), value: value.to_owned().into() };
    fields.iter().map(field).collect()
}

fn asked(path: &str, said: &[(&str, &str)]) -> RequestHead {
    RequestHead {
        version: HttpVersion::Http11,
        method: "GET".into(),
        scheme: "https".into(),
        authority: "gateway.example:8443".into(),
        path: path.to_owned().into(),
        protocol: None,
        fields: fields(said),
        content: Content::Empty,
    }
}

fn answered(said: &[(&str, &str)]) -> ResponseHead {
    ResponseHead {
        version: HttpVersion::Http11,
        status: 200,
        reason: "OK".into(),
        fields: fields(said),
        content: Content::Empty,
    }
}

/// A route that changes nothing but `Via`.
fn straight() -> Route {
    Route { pseudonym: "wiretape".to_owned(), ..Route::default() }
}

fn reverse(prefix: &str, base: &str) -> Route {
    Route {
        scheme: "http".to_owned(),
        authority: "10.0.0.7:9000".to_owned(),
        prefix: prefix.to_owned(),
        base: base.to_owned(),
        ..straight()
    }
}

/// What `route` makes of the fields of a request.
fn there(said: &[(&str, &str)], route: &Route) -> Vec<Field> {
    request(&asked("/", said), route).fields
}

/// What `route` makes of one field of a response.
fn back(name: &str, value: &str, route: &Route) -> Option<Bytes> {
    let head = response(&answered(&[(name, value)]), route);
    head.fields.into_iter().find(|field| field.name == name).map(|field| field.value)
}

#[test]
fn fields_of_the_hop_stay_behind() {
    let said = [
        ("Accept", "*/*"),
        ("Connection", "keep-alive, X-Mine"),
        ("x-mine", "1"),
        ("Connection", "x-other"),
        ("X-Other", "2"),
        ("Keep-Alive", "timeout=5"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "websocket"),
        ("HTTP2-Settings", "AAMAAABk"),
        ("TE", "gzip"),
        ("Content-Length", "5"),
    ];
    let expected = fields(&[("Accept", "*/*"), ("Content-Length", "5"), ("via", "1.1 wiretape")]);
    assert_eq!(there(&said, &straight()), expected);
    let said =
        [("Proxy-Authenticate", "Basic"), ("Proxy-Authentication-Info", "x"), ("Connection", "close"), ("A", "b")];
    assert_eq!(response(&answered(&said), &straight()).fields, fields(&[("A", "b"), ("via", "1.1 wiretape")]));
}

#[test]
fn connection_takes_no_field_away_that_matters() {
    let kept = [
        ("Authorization", "Bearer x"),
        ("Content-Length", "5"),
        ("Cookie", "a=b"),
        ("Content-Type", "text/plain"),
        ("Sec-WebSocket-Key", "eA=="),
    ];
    for (name, value) in kept {
        let said = [("Connection", name), (name, value)];
        assert_eq!(there(&said, &straight()), fields(&[(name, value), ("via", "1.1 wiretape")]));
    }
}

#[test]
fn clients_that_take_trailers_are_said_to() {
    let expected = fields(&[("te", "trailers"), ("via", "1.1 wiretape")]);
    assert_eq!(there(&[("TE", "gzip, Trailers"), ("Connection", "TE")], &straight()), expected);
    assert_eq!(there(&[("te", "trailers")], &straight()), expected);
}

#[test]
fn fields_meant_for_the_gateway_stay_there() {
    let route = Route { consumed: vec!["authorization".to_owned(), "wiretape-label".to_owned()], ..straight() };
    let said = [("Authorization", "Bearer x"), ("Wiretape-Label", "run"), ("X", "y")];
    assert_eq!(there(&said, &route), fields(&[("X", "y"), ("via", "1.1 wiretape")]));
}

#[test]
fn via_names_the_version_that_was_received_behind_others() {
    let mut head = asked("/", &[("Via", "1.0 fred")]);
    head.version = HttpVersion::Http2;
    assert_eq!(request(&head, &straight()).fields, fields(&[("Via", "1.0 fred"), ("via", "2.0 wiretape")]));
    head.version = HttpVersion::Http10;
    assert_eq!(request(&head, &straight()).fields[1].value, "1.0 wiretape");
}

#[test]
fn what_a_client_says_of_itself_is_believed_only_where_the_gateway_says_nothing() {
    let said =
        [("Forwarded", "for=1.2.3.4"), ("X-Forwarded-For", "1.2.3.4"), ("x-forwarded-proto", "https"), ("X", "y")];
    assert_eq!(there(&said, &straight()).len(), 5);
    let route = Route { forwarded: Some("for=10.0.0.9;proto=https".to_owned()), ..straight() };
    let expected = fields(&[("X", "y"), ("via", "1.1 wiretape"), ("forwarded", "for=10.0.0.9;proto=https")]);
    assert_eq!(there(&said, &route), expected);
}

#[test]
fn max_forwards_counts_down_where_it_means_something() {
    let count = |method: &'static str, value: &str| {
        let mut head = asked("/", &[("Max-Forwards", value)]);
        head.method = method.into();
        (ends_here(&head), request(&head, &straight()).fields[0].value.clone())
    };
    assert_eq!(count("OPTIONS", "10"), (false, "9".into()));
    assert_eq!(count("TRACE", "1"), (false, "0".into()));
    assert_eq!(count("TRACE", "0"), (true, "0".into()));
    assert_eq!(count("TRACE", "-1"), (false, "-1".into()));
    assert_eq!(count("GET", "10"), (false, "10".into()));
    assert_eq!(count("GET", "0"), (false, "0".into()));
}

#[test]
fn cookies_of_http2_are_joined() {
    let mut head = asked("/", &[("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"), ("cookie", "e=f")]);
    head.version = HttpVersion::Http2;
    let expected = fields(&[("cookie", "a=b; c=d; e=f"), ("x", "y"), ("via", "2.0 wiretape")]);
    assert_eq!(request(&head, &straight()).fields, expected);
}

#[test]
fn paths_lose_the_prefix_and_gain_the_base() {
    for (prefix, base, path, expected) in [
        ("", "", "/x?y", "/x?y"),
        ("/orders", "", "/orders/x?y", "/x?y"),
        ("/orders", "", "/orders", "/"),
        ("/orders", "", "/orders?y", "/?y"),
        ("/orders", "", "/orders/", "/"),
        ("/orders", "", "/ordersx", "/ordersx"),
        ("/orders", "/v1", "/orders/x", "/v1/x"),
        ("/orders", "/v1", "/orders?y", "/v1/?y"),
        ("", "/v1", "/x", "/v1/x"),
        ("", "/v1", "*", "*"),
        ("/orders", "/v1", "", ""),
    ] {
        let head = request(&asked(path, &[]), &reverse(prefix, base));
        assert_eq!(head.path, expected, "{path} by {prefix} and {base}");
        assert_eq!((&head.scheme[..], &head.authority[..]), (&b"http"[..], &b"10.0.0.7:9000"[..]));
    }
    let head = request(&asked("/x", &[]), &straight());
    assert_eq!((&head.scheme[..], &head.authority[..]), (&b"https"[..], &b"gateway.example:8443"[..]));
}

#[test]
fn places_of_the_target_lead_back_through_the_gateway() {
    for (prefix, base, value, expected) in [
        ("/orders", "", "/login?next=/x", "/orders/login?next=/x"),
        ("/orders", "", "/", "/orders/"),
        ("/orders", "", "http://10.0.0.7:9000/login", "/orders/login"),
        ("/orders", "", "HTTP://10.0.0.7:9000", "/orders/"),
        ("/orders", "", "http://10.0.0.7:9000?x", "/orders/?x"),
        ("/orders", "", "//10.0.0.7:9000/login#a", "/orders/login#a"),
        ("/orders", "/v1", "/v1/login", "/orders/login"),
        ("/orders", "/v1", "/v1", "/orders/"),
        ("/orders", "/v1", "http://10.0.0.7:9000/v1/x", "/orders/x"),
        ("", "", "http://10.0.0.7:9000/login", "/login"),
        // Not the target's own, not below its base, or relative already.
        ("/orders", "", "https://10.0.0.7:9000/login", "https://10.0.0.7:9000/login"),
        ("/orders", "", "http://10.0.0.7/login", "http://10.0.0.7/login"),
        ("/orders", "", "http://other.example/", "http://other.example/"),
        ("/orders", "", "//other.example/", "//other.example/"),
        ("/orders", "/v1", "/v10/x", "/v10/x"),
        ("/orders", "/v1", "/login", "/login"),
        ("/orders", "", "login", "login"),
        ("/orders", "", "?a=http://10.0.0.7:9000/", "?a=http://10.0.0.7:9000/"),
        ("/orders", "", "mailto:a@b.example", "mailto:a@b.example"),
        ("/orders", "", "", ""),
        ("", "", "http://10.0.0.7:9000//other.example/", "http://10.0.0.7:9000//other.example/"),
    ] {
        let route = reverse(prefix, base);
        assert_eq!(back("Location", value, &route).unwrap(), expected, "{value} by {prefix} and {base}");
        assert_eq!(back("content-location", value, &route).unwrap(), expected);
        let quoted = format!("5; URL='{value}'");
        assert_eq!(back("Refresh", &quoted, &route).unwrap(), format!("5; URL='{expected}'"));
        assert_eq!(back("Refresh", &format!("0;url={value}"), &route).unwrap(), format!("0;url={expected}"));
        assert_eq!(back("X-Location", value, &route).unwrap(), value.to_owned());
    }
    assert_eq!(back("Refresh", "5", &reverse("/orders", "")).unwrap(), "5");
}

#[test]
fn a_forward_proxy_leaves_places_as_they_are() {
    for (name, value) in
        [("Location", "/login"), ("Set-Cookie", "a=b; Domain=x.example; Path=/y"), ("Refresh", "1; url=/")]
    {
        assert_eq!(back(name, value, &straight()).unwrap(), value);
    }
}

#[test]
fn cookies_come_back_to_the_prefix() {
    for (prefix, base, value, expected) in [
        ("/orders", "", "a=b", "a=b"),
        ("/orders", "", "a=b; Path=/", "a=b; Path=/orders"),
        ("/orders", "", "a=b;path=/x; HttpOnly", "a=b; Path=/orders/x; HttpOnly"),
        ("/orders", "", "a=b; Domain=x.example; Secure", "a=b; Secure"),
        ("/orders", "", "a=b; domain = x.example", "a=b"),
        ("/orders", "/v1", "a=b; Path=/v1", "a=b; Path=/orders"),
        ("/orders", "/v1", "a=b; Path=/v1/x", "a=b; Path=/orders/x"),
        ("/orders", "/v1", "a=b; Path=/", "a=b; Path=/orders"),
        ("/orders", "/v1", "a=b; Path=/other", "a=b; Path=/other"),
        ("/orders", "", "__Host-a=b; Path=/; Secure", "__Host-a=b; Path=/; Secure"),
        ("/orders", "", "a=\"Path=/;", "a=\"Path=/;"),
        ("/orders", "", "a=b; Path=x", "a=b; Path=x"),
        ("", "/v1", "a=b; Path=/v1", "a=b; Path=/"),
        ("", "/v1", "a=b; Path=/v1/x; Domain=x", "a=b; Path=/x"),
    ] {
        assert_eq!(back("Set-Cookie", value, &reverse(prefix, base)).unwrap(), expected, "{value}");
    }
}

#[test]
fn nothing_leads_past_the_gateway() {
    assert_eq!(back("Alt-Svc", "h3=\":443\"", &straight()), None);
}

#[test]
fn the_same_length_is_said_once() {
    let head = response(&answered(&[("Content-Length", "5"), ("content-length", "5")]), &straight());
    assert_eq!(head.fields, fields(&[("Content-Length", "5"), ("via", "1.1 wiretape")]));
}

#[test]
fn trailers_that_belong_into_a_head_go_no_further() {
    let said = fields(&[
        ("grpc-status", "0"),
        ("Authorization", "Bearer x"),
        ("Set-Cookie", "a=b"),
        ("Connection", "close"),
        ("Content-Type", "text/html"),
        ("Trailer", "x"),
        ("X-Sum", "1"),
    ]);
    assert_eq!(trailers(&said), fields(&[("grpc-status", "0"), ("X-Sum", "1")]));
}
