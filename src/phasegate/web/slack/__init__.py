"""Deciding from Slack: what comes in by a click, whom it comes from, and what is answered.

route, socket   a request that Slack signed, or that came by the connection that we opened
listeners       bolt: which clicks there are
clicks          what a click says
door            who it is, and on to `web.deciding`, the one place that decides
telling         what the person and the card are told afterwards
workspace       all that is asked of Slack, and sent to it
"""
