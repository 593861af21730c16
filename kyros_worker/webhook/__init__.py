"""Telling other systems what happened: endpoints, deliveries, signatures."""
