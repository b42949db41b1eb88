"""What a replay found, told: lines for a terminal, JSON for a program, one page of HTML for a browser."""
