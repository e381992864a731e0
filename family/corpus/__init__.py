"""From prompts to conversations to blocks of tokens of one fixed shape."""
