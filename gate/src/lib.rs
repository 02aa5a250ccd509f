//! The life of an intent
