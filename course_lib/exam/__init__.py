"""The exam: questions that every world model is asked, with intervals and controls."""
