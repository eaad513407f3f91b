{{ flow_table('metric_flow_team_key', 'week', by_team=true, by_type=true) }}
