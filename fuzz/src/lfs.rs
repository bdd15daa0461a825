//! Git LFS: messages and objects, whatever they hold.

use wiretape_core::judge::AllowAll;
use wiretape_core::nest::Content;
use wiretape_core::{ByteWire, Carrier, Side};
use wiretape_git::lfs::{LfsWire, exchange};

use crate::{LANE, oracle, stage};

/// The wire of Git LFS; the first byte says of which exchange.
pub fn lfs(input: &[u8]) {
    let [first, conversation @ ..] = input else { return };
    let turns = stage::turns(conversation);
    let performances = oracle::twice(|| wire(*first), || Box::new(AllowAll), &turns, *first);
    // Only what leads through the gateway is changed.
    if *first & 3 != 1 {
        for side in [Side::Client, Side::Upstream] {
            let said = turns.iter().filter_map(|turn| match turn {
                stage::Turn::Say(speaker, said) if *speaker == side => Some(said.as_ref()),
                _ => None,
            });
            let said: Vec<u8> = said.collect::<Vec<_>>().concat();
            for performance in &performances {
                assert!(said.starts_with(&performance.sent(side.other())), "what passes of the {side} is made up");
            }
        }
    }
}

fn wire(first: u8) -> ByteWire {
    const OBJECT: &str = "/a/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let (method, path) = match first & 3 {
        0 | 1 => ("POST", "/a/info/lfs/objects/batch"),
        2 => ("GET", OBJECT),
        _ => ("PUT", OBJECT),
    };
    let renamed = (first & 3 == 1).then(|| ("https://a".into(), "https://b/c".into()));
    let media_type = "application/vnd.git-lfs+json".into();
    let content = Content { method: method.into(), path: path.into(), media_type, renamed };
    let exchange = exchange(&Carrier::Content(Box::new(content))).expect("an exchange of Git LFS");
    Box::new(LfsWire::new(LANE, exchange))
}
