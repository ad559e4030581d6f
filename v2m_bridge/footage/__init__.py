"""What the footage shows, second by second, measured from the source media."""
