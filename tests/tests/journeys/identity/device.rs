//! The login by device, as the gateway does it for those who have nothing but a terminal.

use std::thread;

use wiretape_core::event::PrincipalKind;
use wiretape_identity::{IssuerSettings, Issuers};
use wiretape_tests::issuer::Issuer;
use wiretape_tests::stage::Folder;

use super::block_on;

fn issuers(issuer: &Issuer) -> Issuers {
    let mut settings = IssuerSettings::new("corp", issuer.url());
    settings.client_id = Some("wiretape".to_owned());
    Issuers::new(vec![settings]).expect("the settings are good")
}

#[test]
fn who_enters_the_code_is_who_comes_in() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let issuers = issuers(&issuer);
    assert!(issuers.device(Some("other")).is_none());
    let flow = issuers.device(None).expect("the issuer has a client");
    let pending = block_on(flow.begin()).expect("the issuer knows logins by device");
    assert!(pending.text().contains(&pending.user_code), "{}", pending.text());
    let address = pending.verification_uri_complete.clone().expect("this issuer has one");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| block_on(flow.poll(pending)));
        let page = issuer.person(&address, "bob");
        assert!(page.contains("Sign-in Success"), "{page}");
        let identity = waiting.join().expect("no panic").expect("bob logged in");
        assert_eq!((identity.name.as_str(), identity.kind), ("bob", PrincipalKind::Person));
        assert_eq!(identity.groups, ["leads", "dev"]);
    });
}

#[test]
fn who_refuses_does_not_come_in() {
    let folder = Folder::new();
    let issuer = Issuer::start(&folder);
    let flow = issuers(&issuer).device(Some("corp")).expect("the issuer has a client");
    let pending = block_on(flow.begin()).expect("the issuer knows logins by device");
    issuer.refuse(pending.verification_uri_complete.as_deref().expect("this issuer has one"), "bob");
    let error = block_on(flow.poll(pending)).expect_err("it was refused");
    assert!(error.to_string().contains("refused"), "{error:#}");
}
