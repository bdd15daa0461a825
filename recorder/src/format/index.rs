//! The seek points of a tape.

use wiretape_core::Moment;

use crate::format::fields::Fields;
use crate::limits::SEEK_POINTS_MAX;

/// A place where reading can start: a chunk with which a frame starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeekPoint {
    /// Where the chunk starts in the file, in bytes.
    pub(crate) offset: u64,
    /// The number of its first event.
    pub(crate) first_event: u64,
    /// The moment of its first event.
    pub(crate) first_moment: Moment,
}

const POINT_BYTES: usize = 24;

/// The seek points that are kept: all of them while they are few, then every second, fourth, … frame.
#[derive(Clone, Debug)]
pub(crate) struct SeekPoints {
    points: Vec<SeekPoint>,
    stride: u64,
    seen: u64,
}

impl SeekPoints {
    pub(crate) fn new() -> Self {
        Self { points: Vec::new(), stride: 1, seen: 0 }
    }

    /// Notes the start of a frame.
    pub(crate) fn push(&mut self, point: SeekPoint) {
        if self.seen.is_multiple_of(self.stride) {
            if self.points.len() >= SEEK_POINTS_MAX {
                let mut keep = false;
                self.points.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.stride = self.stride.saturating_mul(2);
            }
            // The limit is even, so after thinning this frame is one of those that the new stride keeps.
            self.points.push(point);
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// The last point at or before `at`.
    pub(crate) fn before(&self, at: Moment) -> Option<SeekPoint> {
        let after = self.points.partition_point(|point| point.first_moment <= at);
        self.points.get(after.checked_sub(1)?).copied()
    }

    /// The payload of an index chunk.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(8 + self.points.len() * POINT_BYTES);
        bytes.extend_from_slice(&u32::try_from(self.points.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        for point in &self.points {
            bytes.extend_from_slice(&point.offset.to_le_bytes());
            bytes.extend_from_slice(&point.first_event.to_le_bytes());
            bytes.extend_from_slice(&point.first_moment.as_nanos().to_le_bytes());
        }
        bytes
    }

    /// Reads the payload of an index chunk; `None` when it is none.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let mut fields = Fields(payload);
        let count = fields.u32()? as usize;
        fields.zeros(4)?;
        if count > SEEK_POINTS_MAX || fields.0.len() != count.checked_mul(POINT_BYTES)? {
            return None;
        }
        let mut points = Vec::with_capacity(count);
        for _ in 0..count {
            points.push(SeekPoint {
                offset: fields.u64()?,
                first_event: fields.u64()?,
                first_moment: Moment::from_nanos(fields.u64()?),
            });
        }
        Some(Self { points, stride: 1, seen: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::{SEEK_POINTS_MAX, SeekPoint, SeekPoints};
    use wiretape_core::Moment;

    fn point(number: u64) -> SeekPoint {
        SeekPoint { offset: number * 1000, first_event: number, first_moment: Moment::from_nanos(number) }
    }

    #[test]
    fn points_stay_few_and_even() {
        let mut points = SeekPoints::new();
        for number in 0..100_000 {
            points.push(point(number));
        }
        assert!(points.points.len() <= SEEK_POINTS_MAX && points.points.len() > SEEK_POINTS_MAX / 4);
        let steps: Vec<u64> = points.points.windows(2).map(|two| two[1].first_event - two[0].first_event).collect();
        assert!(steps.iter().all(|&step| step == points.stride), "{steps:?}");
        assert_eq!(points.points[0], point(0));
        let found = points.before(Moment::from_nanos(54_321)).unwrap().first_event;
        assert!(found <= 54_321 && 54_321 - found < points.stride);
    }

    #[test]
    fn what_was_written_is_read() {
        let mut points = SeekPoints::new();
        for number in 0..5 {
            points.push(point(number));
        }
        let bytes = points.encode();
        assert_eq!(SeekPoints::decode(&bytes).unwrap().points, points.points);
        assert!(SeekPoints::decode(&bytes[..bytes.len() - 1]).is_none());
        assert!(SeekPoints::new().before(Moment::START).is_none());
    }
}
