//! Timelines, players, renderings: what was recorded, shown again.
