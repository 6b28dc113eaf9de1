"""Pages for people who would rather look than read: server-rendered, no build step."""
