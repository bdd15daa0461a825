//! The gateway as a proxy: what it looks into, what it lets through untouched, whom it lets in, what it refuses.

use std::ffi::OsStr;
use std::path::Path;

use wiretape_core::Side;
use wiretape_core::event::{Kind, StreamEvent};
use wiretape_tests::authority::Authority;
use wiretape_tests::configuration::Target;
use wiretape_tests::nginx::Nginx;
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::secrets;
use wiretape_tests::stage::{Folder, PERSON, client_script};
use wiretape_tests::web::{OWN_NAMES, Road, Web, values};

/// A web server whose files have a repository that git can read as it lies there.
fn repository(folder: &Folder) -> Nginx {
    let authority = Authority::of(folder.path(), "authority");
    let nginx = Nginx::web(folder, "nginx", &authority.issue("nginx", &OWN_NAMES));
    let script = "git init --quiet --bare \"$1\" && git init --quiet work && cd work && \
                  git config user.name t && git config user.email t@localhost && \
                  seq 1 20000 > file && git add file && git commit --quiet -m first && \
                  git push --quiet \"$1\" HEAD:refs/heads/main && cd \"$1\" && \
                  git symbolic-ref HEAD refs/heads/main && git update-server-info";
    let bare = nginx.files().join("repository.git");
    folder.program("sh").args(["-ec", script, "sh"]).arg(bare).succeed();
    nginx
}

#[test]
fn git_reads_through_the_proxy() {
    let mut nginx = None;
    let web = Web::with(|folder, _, configuration| {
        let started = repository(folder);
        let port = started.addresses()[2].port();
        let trusted = folder.join("authority.crt").display().to_string();
        configuration
            .targets
            .push(Target::web("code", &format!("https://localhost:{port}")).line(&format!("tls_ca = {trusted:?}")));
        nginx = Some(started);
    });
    let nginx = nginx.expect("it was started");
    let git = |road: Road, words: &[&str]| {
        let git = web.folder.program("git").arg("-c").arg(format!("http.sslCAInfo={}", web.trusted(road).display()));
        let git = if road == Road::Forward { git.arg("-c").arg(format!("http.proxy={}", web.proxy())) } else { git };
        git.args(words).arg(format!("https://localhost:{}/repository.git", nginx.addresses()[2].port()))
    };
    let direct = git(Road::Direct, &["ls-remote"]).succeed().text();
    assert!(direct.contains("refs/heads/main"), "{direct}");
    assert_eq!(git(Road::Forward, &["ls-remote"]).succeed().text(), direct);
    git(Road::Forward, &["clone", "--quiet"]).arg("cloned").succeed();
    let same = web.folder.program("cmp").args(["cloned/file", "work/file"]).finish();
    assert!(same.status.success(), "{}", same.text());
    let exchanges = super::exchanges(&web.gateway);
    assert!(exchanges.iter().any(|exchange| exchange.path.starts_with("/repository.git/info/refs")));
    assert!(exchanges.iter().any(|exchange| exchange.path.contains("/objects/") && exchange.status == 200));
    secrets::are_nowhere(&web.gateway, &[&web.token.secret]);
}

#[test]
fn the_gateway_says_whom_to_trust_and_how() {
    let web = Web::new();
    let printed = web.gateway.record().program(&["ca"]).succeed();
    let file = std::fs::read_to_string(web.gateway.authority()).expect("the authority's certificate is there");
    assert_eq!(printed.text(), file);
    let how = printed.errors();
    for word in ["curl", "git", "NODE_EXTRA_CA_CERTS", "Python", "keytool"] {
        assert!(how.to_lowercase().contains(&word.to_lowercase()), "{word}: {how}");
    }
    let key = web.gateway.configuration.data_dir.join("ca");
    for entry in std::fs::read_dir(key).expect("a folder").flatten() {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.metadata().expect("a file").permissions().mode();
        let text = std::fs::read_to_string(entry.path()).expect("a file");
        assert!(!text.contains("PRIVATE KEY") || mode & 0o077 == 0, "{mode:o} {}", entry.path().display());
    }
    // Who does not trust it is not deceived, and who does sees the name that was asked for.
    let curl = web.folder.program("curl").args(["--silent", "--proxy", &web.proxy()]);
    curl.arg(web.server.url("secure") + "/text").finish().coded(60);
    let curl = web.curl(Road::Forward).args(["--verbose", "--range", "0-5"]);
    let said = curl.arg(web.server.url("secure") + "/text").succeed();
    assert!(said.errors().contains("subject") && said.errors().contains("localhost"), "{}", said.errors());
    assert_eq!(said.text(), "line 0");
}

#[test]
fn what_is_let_through_is_recorded_as_opaque() {
    let web = Web::with(|_, server, configuration| {
        configuration.targets.retain(|target| !target.is("secure"));
        let host = format!("localhost:{}", server.address("secure").port());
        configuration.targets.push(Target::tunnel("pinned", &[&host]));
    });
    // The server's own certificate is what the client sees.
    let curl = web.folder.program("curl").args(["--silent", "--show-error", "--range", "0-5", "--cacert"]);
    let curl = curl.arg(web.authority.certificate()).args(["--proxy", &web.proxy()]);
    assert_eq!(curl.arg(web.server.url("secure") + "/text").succeed().text(), "line 0");
    let (session, events) = super::ended(&web.gateway).remove(0);
    assert_eq!((session.text("person"), session.text("target")), (PERSON, "pinned"));
    assert!(events.has("stream.opaque"), "{:?}", events.names());
    let carried = |side: Side| {
        let bytes = events.0.iter().filter(|event| event.side == side).map(|event| match &event.kind {
            Kind::Stream(StreamEvent::Data { bytes, .. }) => bytes.len(),
            _ => 0,
        });
        bytes.sum::<usize>()
    };
    assert!(carried(Side::Client) > 200 && carried(Side::Upstream) > 500, "what passed is on the tape all the same");
}

/// curl by way of `proxy`, which must fail; gives what it said.
fn refused(web: &Web, proxy: &str, words: &[&str], url: &str) -> Finished {
    let curl = web.folder.program("curl").args(["--silent", "--show-error", "--include", "--proxy", proxy]);
    curl.arg("--cacert").arg(web.gateway.authority()).args(words).arg(url).finish()
}

#[test]
fn what_is_in_no_catalogue_is_refused() {
    let web = Web::new();
    let connect = refused(&web, &web.proxy(), &[], "https://elsewhere.example/");
    assert_eq!(connect.code(), 56, "{}", connect.errors());
    assert!(connect.text().contains("403"), "{}", connect.text());
    let absolute = refused(&web, &web.proxy(), &[], "http://elsewhere.example/x").good().text();
    assert!(absolute.starts_with("HTTP/1.1 403") && absolute.contains("elsewhere.example"), "{absolute}");
    // Another port of the same host is another host.
    let other = refused(&web, &web.proxy(), &[], "https://localhost:1/");
    assert!(other.text().contains("403"), "{}", other.text());
    let sessions = web.gateway.record().ended(3);
    for session in &sessions {
        assert_eq!((session.state(), session.text("person")), ("refused", PERSON));
        session.verified().coded(0);
    }
    let reasons: String = sessions.iter().map(|session| session.reason().to_owned() + "\n").collect();
    assert!(reasons.contains("elsewhere.example"), "{reasons}");
}

#[test]
fn who_does_not_say_who_they_are_does_not_get_through() {
    let web = Web::new();
    let port = web.gateway.proxy().port();
    let nobody = format!("http://127.0.0.1:{port}");
    let wrong = format!("http://{PERSON}:wt_not_a_token_of_anybody@127.0.0.1:{port}");
    let other = web.proxy().replace(PERSON, "bo");
    for proxy in [&nobody, &wrong, &other] {
        let connect = refused(&web, proxy, &[], &(web.server.url("secure") + "/text"));
        assert_eq!(connect.code(), 56, "{proxy}: {} {}", connect.text(), connect.errors());
        let head = connect.text().to_lowercase();
        assert!(head.contains(" 407") && head.contains("proxy-authenticate: basic realm="), "{head}");
        let absolute = refused(&web, proxy, &[], &(web.server.url("plain") + "/text")).good().text().to_lowercase();
        assert!(absolute.contains(" 407") && absolute.contains("\"error\""), "{absolute}");
    }
    assert_eq!(web.server.requests().len(), 0);
    // Who says nothing of themselves has not tried anything yet.
    let sessions = web.gateway.record().ended(4);
    assert!(sessions.iter().all(|session| session.state() == "refused" && session.text("person").is_empty()));
    secrets::are_nowhere(&web.gateway, &["wt_not_a_token_of_anybody", &web.token.secret]);
    // What such a client does next: it is asked, and then says who it is.
    let any = refused(&web, &web.proxy(), &["--proxy-anyauth"], &(web.server.url("secure") + "/text")).good();
    assert!(any.text().contains("line 0"));
    let header = format!("proxy-authorization: Bearer {}", web.token.secret);
    let bearer = refused(&web, &nobody, &["--proxy-header", &header], &(web.server.url("secure") + "/text")).good();
    assert!(bearer.text().contains("line 0"));
}

#[test]
fn a_tunnel_over_http_2_leads_where_one_over_http_1_1_does() {
    let web = Web::new();
    for target in ["clear2", "secure"] {
        let see = |road: Road, words: &[&str]| {
            let finished = web.script(road, target, OsStr::new("node"), "http2_client.js").args(words).succeed();
            serde_json::from_slice::<serde_json::Value>(&finished.stdout).expect("what it saw, as JSON")
        };
        assert_eq!(see(Road::Forward, &["2"]), see(Road::Direct, &[]), "{target}");
    }
    let exchanges = super::exchanges(&web.gateway);
    assert!(exchanges.iter().any(|exchange| exchange.path == "/trailers"));
}

#[test]
fn a_host_that_a_pattern_names_leads_to_the_targets_address() {
    let web = Web::with(|_, _, configuration| {
        configuration.target("plain").set("hosts = [\"*.svc.example.com\", \"plain.example:8080\"]");
        configuration.target("secure").set("hosts = [\"*.secure.example.com\"]");
    });
    for url in ["http://a.svc.example.com/echo", "http://plain.example:8080/echo", "https://b.secure.example.com/echo"]
    {
        web.curl(Road::Forward).arg(url).succeed();
        let host = url.split('/').nth(2).expect("a host");
        assert_eq!(web.server.request()["authority"], host, "the server is asked by the name that the client used");
    }
    for url in ["http://svc.example.com/echo", "http://a.svc.example.com:81/echo", "http://plain.example/echo"] {
        let said = web.curl(Road::Forward).args(["--include"]).arg(url).succeed().text();
        assert!(said.contains(" 403"), "{url}: {said}");
    }
    assert_eq!(web.server.requests().len(), 3);
}

#[test]
fn fields_that_are_a_proxys_own_business_stay_with_it() {
    let web = Web::new();
    let curl = web.curl(Road::Forward).args(["-H", "proxy-connection: keep-alive", "-H", "x-own: kept"]);
    curl.arg(web.server.url("plain") + "/echo").succeed();
    let request = web.server.request();
    for gone in ["proxy-authorization", "proxy-connection", "keep-alive"] {
        assert_eq!(values(&request, gone), [""; 0], "{gone}");
    }
    assert_eq!(values(&request, "x-own"), ["kept"]);
    assert_eq!(values(&request, "via").len(), 1);
    let exchange = super::exchanges(&web.gateway).remove(0);
    assert_eq!((&*exchange.scheme, &*exchange.path), ("http", "/echo"));
    assert_eq!(exchange.authority, format!("localhost:{}", web.server.address("plain").port()));
}

/// Java's own client, where a JDK is installed.
#[test]
fn java_trusts_the_authority_from_a_store_of_its_own() {
    let installed = |name: &str| Path::new("/usr/bin").join(name).is_file();
    if !installed("keytool") || !installed("javac") {
        eprintln!("no JDK is installed: nothing is shown");
        return;
    }
    let web = Web::new();
    let store = web.folder.join("store");
    let keytool = web.folder.program("keytool").args(["-importcert", "-noprompt", "-storepass", "changeit", "-alias"]);
    keytool.args(["wiretape", "-file"]).arg(web.gateway.authority()).arg("-keystore").arg(&store).succeed();
    let java = web.shown(Road::Forward, "secure", Program::new("java"));
    let java = java.arg(format!("-Djavax.net.ssl.trustStore={}", store.display()));
    let java = java.arg("-Djavax.net.ssl.trustStorePassword=changeit");
    // Java does not show passwords to proxies of tunnels unless it is told that it may.
    let java = java.arg("-Djdk.http.auth.tunneling.disabledSchemes=").arg(client_script("ProxyClient.java"));
    assert_eq!(java.succeed().text(), "HTTP_2 206 line 0\nHTTP_1_1 206 line 0\n");
    assert_eq!(super::exchanges(&web.gateway).len(), 2);
}
