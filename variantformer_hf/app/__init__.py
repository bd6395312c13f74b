"""The app: a page in which one gene of one person is predicted, without a command line.

``uploads`` checks a reader's file, ``visits`` keeps what is a reader's and removes it, ``answers`` computes, ``views``
makes HTML and files of an answer; none of them knows Gradio. ``page`` lays the page out, ``server`` starts it.
"""
