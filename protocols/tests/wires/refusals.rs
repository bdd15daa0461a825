//! Refusals among requests that wait: each side gets exactly what it should, in the order of the requests.

use wiretape_core::Side;

use crate::laws::{cut, rules};
use crate::speakers::{Dice, postgres};
use crate::stage::{Performance, Turn, perform, without_keys};

fn check(performance: &Performance, expected: &postgres::Expected, what: &str) {
    assert_eq!(performance.fault(), None, "{what}");
    for (side, bytes) in [(Side::Client, &expected.told), (Side::Upstream, &expected.passed)] {
        let sent = performance.sent(side);
        let same = sent.iter().zip(bytes).take_while(|(sent, expected)| sent == expected).count();
        let (sent_bytes, expected_bytes) = (sent.len(), bytes.len());
        assert!(sent == *bytes, "{what}: the {side} got {sent_bytes} of {expected_bytes} bytes, {same} as expected");
    }
    // The client is told nothing that is not on the record.
    let told = without_keys(&performance.sent(Side::Client));
    assert!(performance.recorded_to(Side::Client) == told, "{what}: told another thing");
}

#[test]
fn postgres_refusals_stand_where_the_answers_would() {
    let (mut refused, mut expected_bytes) = (0, 0);
    for seed in 0..800 {
        let mut dice = Dice::new(seed);
        let (conversation, expected) = postgres::refused(&mut dice);
        let whole = perform((conversation.wire)(), Box::new(rules()), &conversation.turns);
        check(&whole, &expected, &format!("seed {seed}"));
        let turns: Vec<Turn> = cut(&conversation.turns, &mut dice);
        let pieces = perform((conversation.wire)(), Box::new(rules()), &turns);
        check(&pieces, &expected, &format!("seed {seed}, in pieces"));
        let code = b"C42501";
        refused += expected.told.windows(code.len()).filter(|window| window == code).count();
        expected_bytes += expected.told.len();
    }
    assert!(refused > 300, "only {refused} refusals in {expected_bytes} bytes: this shows nothing");
}
