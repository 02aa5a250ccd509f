//! REST API, dashboard, live events
