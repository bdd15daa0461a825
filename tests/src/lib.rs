//! Journeys with real peers: the real gateway, the real clients, the real servers.
