//! Journeys of database sessions: PostgreSQL's own clients and those of other houses, straight to a real server and
//! through the gateway.

mod cancel;
mod crash;
mod drivers;
mod exact;
mod pressure;
mod psql;
mod reading;
mod refused;
mod regression;
mod rust;
mod stage;
mod tls;
mod tools;
mod upstream;
