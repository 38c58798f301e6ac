//! Which goals does the project set itself, and does this run meet them?
