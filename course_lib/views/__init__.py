"""What the notebooks look at and play with: functions that ask a model and return a picture.

`show` draws arrays and knows no model; models know no drawing. What needs both stands here.
"""
