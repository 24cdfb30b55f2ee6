"""Programs that users come from, unmodified, in environments of their own beside the checkout."""
