//! What can be wrong with a pack, so that it is not passed on.

use thiserror::Error;
use wiretape_core::limits::{GIT_DELTAS_DEEP_MAX, GIT_OBJECTS_MAX, GIT_PUSH_BYTES_MAX};

use super::limits::INFLATED_BYTES_MAX;

/// Why a pack is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Problem {
    #[error("what was held of the push is gone")]
    Lost,
    #[error("the pack breaks off after {0} bytes")]
    BreaksOff(u64),
    #[error("this is no pack: it does not begin with PACK")]
    NoPack,
    #[error("packs of version {0} are not read, only 2 and 3")]
    Version(u32),
    #[error("the pack says that it holds {0} objects, more than {GIT_OBJECTS_MAX}")]
    TooManyObjects(u32),
    #[error("the pack is larger than {GIT_PUSH_BYTES_MAX} bytes")]
    TooLarge,
    #[error("object {0} of the pack has no kind that is known: {1}")]
    Kind(u32, u8),
    #[error("object {0} of the pack says a size, or a distance, that no number holds")]
    Number(u32),
    #[error("the objects of the pack unpack to more than {INFLATED_BYTES_MAX} bytes")]
    Inflated,
    #[error("object {0} of the pack is not compressed as zlib does it")]
    NotZlib(u32),
    #[error("object {0} of the pack unpacks to more than the {1} bytes that it says")]
    LongerThanSaid(u32, u64),
    #[error("object {0} of the pack unpacks to less than the {1} bytes that it says")]
    ShorterThanSaid(u32, u64),
    #[error("object {0} of the pack is a delta of something outside of the pack's objects")]
    BaseOutside(u32),
    #[error("object {0} of the pack stands on more than {GIT_DELTAS_DEEP_MAX} deltas")]
    TooDeep(u32),
    #[error("object {0} of the pack: {1}")]
    Object(u32, Box<Problem>),
    #[error("the delta is broken")]
    DeltaBroken,
    #[error("the delta is of an object of another size")]
    DeltaOfAnother,
    #[error("the delta copies what its base does not have")]
    DeltaOutside,
    #[error("the delta makes more than it says")]
    DeltaTooLong,
    #[error("the delta makes less than it says")]
    DeltaTooShort,
    #[error("the checksum of the pack is {said}, but what it holds makes {made}")]
    Checksum { said: String, made: String },
}
