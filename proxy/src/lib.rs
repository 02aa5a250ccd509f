//! The data path, on pingora
