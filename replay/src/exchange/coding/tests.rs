use bytes::Bytes;
use data_encoding::BASE64;
use wiretape_core::event::HeaderField;

use super::{Coding, Stop, Unpacker, codings, unpack};
use crate::limits::UNPACKED_BYTES_MAX;

// Made by Python: gzip (two members), zlib with and without its header, brotli, zstandard.
const GZIP: &str = "\
    H4sIAAAAAAACA6tWykxRslIw0FFQykvMTQUyldKLDu85PD9VwUCplqsaIm2IRdoQIW2ERdoIIQ0Aidp/IGQAAAAfiwgAAAAAAAID\
    M9ZRUMpLzE1VslJQSi86vOfw/FQFY6VarmqlzBSgmAkWaROEtCkWaVOEtBkWaTOEtDkWaXOEtAUWaQuEtCUWaUuEtKEBFnlDAyQF\
    htgUGAIVAACgamYwFAEAAA==";
const ZLIB: &str = "\
    eNpt0KsNgDAYRWHPFM2vEW3pk21IIAQBAtswC4vguhgQxEVcd5LPnSLLKL3SrZJtWKcnZd7rVc9JaTma8rEhbMCWsAV3hDuwI+zA\
    nrAHB8IBHAlHcCKcwJlw/m1h28z/Gx33nrsBtKJ3ZQ==";
const RAW: &str = "\
    bdCrDYAwGEVhzxTNrxFt6ZNtSCAEAQLbMAuL4LoYEMRFXHeSz50iyyi90q2SbVinJ2Xe61XPSWk5mvKxIWzAlrAFd4Q7sCPswJ6w\
    BwfCARwJR3AinMCZcP5tYdvM/xsd9567AQ==";
const BROTLI: &str = "\
    G3cB+K2Kd4A5qnqImCifNS9F8bhapGxvWH3yqnhIHh40PQ9ltLUCWVqfAKkwOQrHuX6d2gBoNedlAS7E8o1k5eB7YnF/CiYxlEZl\
    MXlckVAmVSl1WpO5KDYFORM=";
const ZSTD: &str = "\
    KLUv/WB4AEUDAHQDeyJpZCI6IDAsICJuYW1lIjogImdyw7zDn2UgMCJ9CjExMjIzMzQ0NTU2Njc3ODg5OTExMSJ9ChYAPPvBznKn\
    sygDsIB0YGMgCdgOJAY2AenAxkASsB1IDGwC0oGNgSRgO5DYIlN5";
const BROTLI_IN_GZIP: &str = "\
    H4sIAAAAAAACAwFcAKP/G3cB+K2Kd4A5qnqImCifNS9F8bhapGxvWH3yqnhIHh40PQ9ltLUCWVqfAKkwOQrHuX6d2gBoNedlAS7E\
    8o1k5eB7YnF/CiYxlEZlMXlckVAmVSl1WpO5KDYFORORGeBmXAAAAA==";
const BOMB: &str = "\
    y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//+P//B/8EQBwW\
    AOje//H//w/+CYA4LADQvf/j//8f/BMAcVgAoHv/Nw==";

fn text() -> Vec<u8> {
    (0..12).map(|n| format!("{{\"id\": {n}, \"name\": \"grüße {n}\"}}\n")).collect::<String>().into_bytes()
}

fn packed() -> Vec<(Vec<Coding>, Bytes)> {
    let all = [
        (vec![Coding::Gzip], GZIP),
        (vec![Coding::Deflate], ZLIB),
        (vec![Coding::Deflate], RAW),
        (vec![Coding::Brotli], BROTLI),
        (vec![Coding::Zstd], ZSTD),
        (vec![Coding::Brotli, Coding::Gzip], BROTLI_IN_GZIP),
    ];
    all.map(|(codings, packed)| (codings, BASE64.decode(packed.as_bytes()).unwrap().into())).into()
}

#[test]
fn what_other_programs_packed_is_unpacked() {
    for (codings, packed) in packed() {
        assert_eq!(unpack(&codings, &packed, UNPACKED_BYTES_MAX), (text(), None), "{codings:?}");
        let behind = [&packed[..], b"behind the end"].concat();
        let (plain, _) = unpack(&codings, &behind, UNPACKED_BYTES_MAX);
        assert_eq!(plain, text(), "{codings:?} with something behind its end");
    }
}

#[test]
fn it_may_come_in_any_pieces_and_be_taken_up_anywhere() {
    for (codings, packed) in packed() {
        for size in [1, 7, 100] {
            let mut unpacker = Unpacker::new(codings.clone(), UNPACKED_BYTES_MAX);
            let mut plain = Vec::new();
            for piece in packed.chunks(size) {
                unpacker = unpacker.clone();
                plain.extend(unpacker.feed(&Bytes::copy_from_slice(piece)));
            }
            assert_eq!(
                (String::from_utf8(plain).unwrap(), unpacker.stop()),
                (String::from_utf8(text()).unwrap(), None)
            );
        }
    }
}

#[test]
fn a_line_that_was_flushed_can_be_read_at_once() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut unpacker = Unpacker::new(vec![Coding::Gzip], UNPACKED_BYTES_MAX);
    let mut sent = 0;
    for line in ["data: one\n\n", "data: two\n\n"] {
        std::io::Write::write_all(&mut gzip, line.as_bytes()).unwrap();
        std::io::Write::flush(&mut gzip).unwrap();
        let piece = Bytes::copy_from_slice(&gzip.get_ref()[sent..]);
        sent = gzip.get_ref().len();
        assert_eq!(unpacker.feed(&piece), line.as_bytes());
    }
}

#[test]
fn a_bomb_is_cut_to_the_limit() {
    let bomb: Bytes = BASE64.decode(BOMB.as_bytes()).unwrap().into();
    let (plain, stop) = unpack(&[Coding::Brotli], &bomb, 100_000);
    assert_eq!((plain.len(), stop), (100_000, Some(Stop::Limit)));
    // By the ratio, before the limit.
    let (plain, stop) = unpack(&[Coding::Brotli], &bomb, UNPACKED_BYTES_MAX);
    assert!(plain.len() < 2_000_000 && stop == Some(Stop::Limit), "{}", plain.len());
    let mut unpacker = Unpacker::new(vec![Coding::Brotli], 100_000);
    assert_eq!((unpacker.feed(&bomb).len(), unpacker.stop()), (100_000, Some(Stop::Limit)));
    assert!(unpacker.feed(&bomb).is_empty());
}

#[test]
fn what_is_damaged_is_read_up_to_the_damage() {
    for (codings, packed) in packed() {
        let (plain, stop) = unpack(&codings, &packed[..packed.len() - 20], UNPACKED_BYTES_MAX);
        assert!(text().starts_with(&plain), "{codings:?}");
        assert_eq!(stop, Some(Stop::CutOff), "{codings:?}");
        let (plain, stop) = unpack(&codings, &[&packed[..8], &[0xff; 40]].concat(), UNPACKED_BYTES_MAX);
        assert!(plain.len() <= UNPACKED_BYTES_MAX && (stop.is_some() || plain.is_empty()), "{codings:?} {stop:?}");
    }
    assert_eq!(unpack(&[Coding::Gzip], b"no gzip at all", 100), (Vec::new(), Some(Stop::Damaged)));
}

#[test]
fn codings_are_read_from_the_fields() {
    let fields = |value: &'static str| {
        vec![HeaderField { name: "Content-Encoding".into(), value: value.into(), concealed_bytes: 0 }]
    };
    assert_eq!(codings(&fields("br, X-GZIP, identity")), Ok(vec![Coding::Brotli, Coding::Gzip]));
    assert_eq!(codings(&fields("compress")), Err("compress".to_owned()));
    assert_eq!(codings(&fields("gzip,gzip,gzip,gzip,gzip")), Err("…".to_owned()));
    assert_eq!(codings(&[]), Ok(Vec::new()));
}
