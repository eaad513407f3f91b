{{ flow_table('metric_flow_key', 'week', by_type=true) }}
