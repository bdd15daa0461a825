//! Journeys of database sessions: PostgreSQL's own clients and those of other houses, straight to a real server and
//! through the gateway.

mod drivers;
mod psql;
mod refused;
mod rust;
mod stage;
mod tls;
mod tools;
mod upstream;
