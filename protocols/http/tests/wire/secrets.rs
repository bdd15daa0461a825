//! Secrets at every place of a head where they are known to stand: none of them is in an event, an action, a question or
//! an answer of the gateway's own.

use std::sync::Arc;

use wiretape_core::event::HttpVersion;
use wiretape_core::{Effect, Lane, Reason, Side, Verdict};
use wiretape_http::{Content, Field, Message, Part, RequestHead, ResponseHead, Route};

use crate::noise::wary;
use crate::stage::{Effects, Rule, Rules, Stage, Turn};

const SECRET: &str = "h4nds0ff";

/// Fields, with `$` where the secret stands.
const FIELDS: &[&str] = &[
    "Authorization: Bearer $",
    "Authorization: basic $",
    "Authorization: $",
    "authorization: AWS4-HMAC-SHA256 Credential=a/b, Signature=$",
    "Authorization: Unheard-Of $",
    "Proxy-Authorization: Basic $",
    "Cookie: theme=dark; session=$",
    "Cookie2: $",
    "Set-Cookie: session=$; Path=/",
    "Set-Cookie: $",
    "X-Api-Key: $",
    "X-API-KEY: $",
    "Api-Key: $",
    "ApiKey: $",
    "X-Auth-Token: $",
    "X-Goog-Api-Key: $",
    "X-Amz-Security-Token: $",
    "X-Vault-Token: $",
    "X-CSRF-Token: $",
    "X-CSRFToken: $",
    "X-XSRF-Token: $",
    "Private-Token: $",
    "Job-Token: $",
    "X-GitHub-Token: $",
    "X-Gitlab-Token: $",
    "X-Functions-Key: $",
    "Ocp-Apim-Subscription-Key: $",
    "DD-API-KEY: $",
    "X-Registry-Auth: $",
    "X-Access-Token: $",
    "X-Client-Secret: $",
    "DPoP: $",
    "CF-Access-Client-Secret: $",
    "X-Amz-Server-Side-Encryption-Customer-Key: $",
    "Sec-WebSocket-Protocol: v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.$",
    "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.$, v4.channel.k8s.io",
    "Sec-WebSocket-Protocol: openai-insecure-api-key.$",
    "Sec-WebSocket-Protocol: access_token, $",
    "Proxy-Authentication-Info: nextnonce=\"$\"",
    "Authentication-Info: nextnonce=\"$\"",
    "Referer: https://app.example/callback?code=$&state=1",
    "Referer: https://ana:$@app.example/",
    "Location: https://app.example/callback#access_token=$&token_type=bearer",
    "Location: /login?next=%2Fcallback%3Fcode%3D$",
    "Content-Location: /a?sig=$",
    "Link: <https://api.example/?page=2&access_token=$>; rel=\"next\"",
    "Refresh: 0; url=/a?token=$",
    "Destination: https://dav.example/a?auth=$",
];

/// Queries and paths, with `$` where the secret stands.
const PATHS: &[&str] = &[
    "/a?access_token=$",
    "/a?refresh_token=$&b=c",
    "/a?id_token=$",
    "/a?b=c&token=$",
    "/a?api_key=$",
    "/a?apikey=$",
    "/a?apiKey=$",
    "/a?key=$",
    "/a?auth=$",
    "/a?password=$",
    "/a?Passwd=$",
    "/a?secret=$",
    "/a?client_secret=$",
    "/a?code=$",
    "/a?sv=1&sig=$&se=2",
    "/a?Signature=$",
    "/a?X-Amz-Signature=$",
    "/a?X-Amz-Security-Token=$",
    "/a?X-Goog-Signature=$",
    "/a?%70assword=$",
    "/a?%74%6F%6B%65%6E=$",
    "/a?user[password]=$",
    "/a?user%5Bpassword%5D=$",
    "/a?b=c;token=$",
    "/a?next=https%3A%2F%2Fb%2F%3Fapi_key%3D$%26c%3Dd",
    "/a;jsessionid=$?b=c",
    "/a#token=$",
];

fn plant(text: &str) -> String {
    text.replace('$', SECRET)
}

fn fields() -> Vec<Field> {
    let split = |line: &&str| {
        let (name, value) = line.split_once(": ").unwrap();
        Field { name: name.to_owned().into(), value: plant(value).into() }
    };
    FIELDS.iter().map(split).collect()
}

/// Whatever goes to the tape or to people; what goes to the peers has the secrets.
fn check(effects: &Effects) {
    for effect in effects {
        match effect {
            Effect::Append(_) | Effect::Ask { .. } | Effect::Close(_) => {
                let told = format!("{effect:?}");
                assert!(!told.contains(SECRET), "{told}");
            }
            _ => {}
        }
    }
}

fn sends_secret(effects: &Effects, side: Side) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::Send { to, message } => *to == side && format!("{message:?}").contains(SECRET),
        _ => false,
    })
}

#[test]
fn credentials_are_in_no_event() {
    let ask = Rules(vec![Rule::Ask { word: String::new(), rule: "all".to_owned(), group: "elders".to_owned() }]);
    let refuse = Rules(vec![Rule::Refuse { word: "/a".to_owned(), rule: "all".to_owned(), text: "no".to_owned() }]);
    let answers = [Verdict::Allow, Verdict::Refuse(Reason::new("elders", "not today"))];
    for (rules, answer) in
        [(ask.clone(), &answers[0]), (ask, &answers[1]), (refuse, &answers[0]), (wary(), &answers[0])]
    {
        let mut stage = Stage::new(rules);
        for (number, path) in PATHS.iter().enumerate() {
            let lane = Lane(number as u32 + 1);
            let say = |stage: &mut Stage, side, part| {
                let effects = stage.play(Turn::Say(side, Message { lane, part }));
                check(&effects);
                effects
            };
            let request = RequestHead {
                version: HttpVersion::Http11,
                method: "POST".into(),
                scheme: "https".into(),
                authority: "api.example".into(),
                path: plant(path).into(),
                protocol: None,
                fields: fields(),
                content: Content::Streamed,
            };
            let asked = say(&mut stage, Side::Client, Part::Request(Box::new(request), Arc::new(Route::default())));
            let answered = stage.play(Turn::Answer(answer.clone()));
            check(&answered);
            let passed = sends_secret(&asked, Side::Upstream) || sends_secret(&answered, Side::Upstream);
            say(&mut stage, Side::Client, Part::Trailers(fields()));
            say(&mut stage, Side::Client, Part::End);
            if !passed {
                continue;
            }
            let head = |status| {
                let (version, reason, content) = (HttpVersion::Http2, "Fine".into(), Content::Streamed);
                Box::new(ResponseHead { version, status, reason, fields: fields(), content })
            };
            say(&mut stage, Side::Upstream, Part::Informational(head(103)));
            let response = say(&mut stage, Side::Upstream, Part::Response(head(200)));
            assert!(sends_secret(&response, Side::Client), "this shows nothing");
            say(&mut stage, Side::Upstream, Part::Trailers(fields()));
            say(&mut stage, Side::Upstream, Part::End);
        }
        assert!(!stage.is_closed());
        check(&stage.play(Turn::Close(Reason::new("admin", "time is up"))));
    }
}
