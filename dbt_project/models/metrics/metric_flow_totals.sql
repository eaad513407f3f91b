{{ flow_table('metric_flow_total_key', 'week') }}
