{{ flow_table('metric_flow_team_total_key', 'week', by_team=true) }}
