"""What a teacher says about a corpus, captured once for all the tiers that it teaches."""
