//! The rows, by section.

mod bodies;
mod decisions;
mod framing;
mod graphql;
mod headers;
mod hosts;
mod http2;
mod json;
mod mcp;
mod methods;
mod operation;
mod paths;
mod people;
mod permits;
mod queries;
mod sessions;
mod upstreams;

use crate::case::Case;

pub fn all() -> Vec<Case> {
    [
        paths::cases(),
        hosts::cases(),
        headers::cases(),
        framing::cases(),
        http2::cases(),
        methods::cases(),
        bodies::cases(),
        json::cases(),
        queries::cases(),
        mcp::cases(),
        graphql::cases(),
        decisions::cases(),
        permits::cases(),
        people::cases(),
        operation::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
