//! Journeys: the real clients, the real gateway, the real servers. One program, so that it is linked once.

mod stage;
